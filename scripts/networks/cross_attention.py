"""Networks that read an image and a text together: cross-attention both ways, then residual MLPs.

They are V2 (FusionNet) and V1 (ClipFusion) of the published price systems.
in: features of an image and of "Basmati rice 5 kg"
out: one number (b, 1), log1p price 3.1; or the logits (b, k) of all attributes
"""

import torch
from torch import nn
from torch.nn.functional import normalize

from networks.pooling import masked_mean


class CrossAttention(nn.Module):
    """Each side's tokens attend to the other side's; the result is added, normalised and averaged.

    With one token a side the softmax has one key, so the attention is a linear map of the other
    side: that is the published system. A side without tokens (no image, an empty text) stays at
    zero and gives the other side nothing.
    """

    def __init__(self, d: int, heads: int, dropout: float):
        super().__init__()
        # the queries are the text's
        self.to_image = nn.MultiheadAttention(d, heads, dropout, batch_first=True)
        # the queries are the image's
        self.to_text = nn.MultiheadAttention(d, heads, dropout, batch_first=True)
        self.norm_text = nn.LayerNorm(d)
        self.norm_image = nn.LayerNorm(d)

    def forward(self, image, image_mask, text, text_mask):
        """image (b, t, d) and text (b, u, d), with bool masks (b, t) and (b, u) that are true where
        a token is present → image vectors (b, d), text vectors (b, d)."""
        image = image * image_mask[..., None]
        text = text * text_mask[..., None]

        from_image = attend(self.to_image, text, image, image_mask)
        new_text = self.norm_text(text + from_image)
        from_text = attend(self.to_text, image, text, text_mask)
        new_image = self.norm_image(image + from_text)

        return masked_mean(new_image, image_mask), masked_mean(new_text, text_mask)


def attend(attention: nn.MultiheadAttention, query, keys, key_mask):
    """Attention (b, u, d) of the queries to the keys that are present; 0 where no key is."""
    has_keys = key_mask.any(1)

    # without any key the softmax would divide by zero: such a row attends to all of them, and its
    # result is set to 0 below
    hidden = ~key_mask & has_keys[:, None]
    out, _ = attention(query, keys, keys, key_padding_mask=hidden, need_weights=False)
    return out * has_keys[:, None, None]


def token_mask(tokens):
    """Bool mask (b, t) of tokens (b, t, d): false for padding, which is all zero."""
    return (tokens != 0).any(2)


class Residual(nn.Module):
    """x + MLP(LayerNorm(x)), as in a transformer."""

    def __init__(self, d: int, hidden: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.mlp = nn.Sequential(
            nn.Linear(d, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, d),
        )

    def forward(self, x):
        return x + self.mlp(self.norm(x))


def residual_blocks(count: int, d: int, hidden: int, dropout: float) -> list[nn.Module]:
    return [Residual(d, hidden, dropout) for _ in range(count)]


class FusionNet(nn.Module):
    """V2: tokens of an image (b, t, d_image) and of a text (b, u, d_text) → (b, k).

    Tokens that are all zero are padding. With 768 and 768 features, width 512, 8 heads, hidden
    2048, 2 blocks and k = 1 it has 11,292,673 parameters, as the published system.
    """

    def __init__(self, d_image: int, d_text: int, settings, k: int = 1):
        super().__init__()
        width = settings.width
        self.image = nn.Linear(d_image, width)
        self.text = nn.Linear(d_text, width)
        self.cross = CrossAttention(width, settings.heads, settings.attention_dropout)

        d = 2 * width  # of both sides together
        self.norm = nn.LayerNorm(d)
        blocks = residual_blocks(settings.blocks, d, settings.hidden, settings.dropout)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(d, k)

    def forward(self, image, text):
        image_mask = token_mask(image)
        text_mask = token_mask(text)
        image_vector, text_vector = self.cross(
            self.image(image), image_mask, self.text(text), text_mask
        )

        both = torch.cat([text_vector, image_vector], 1)
        x = self.blocks(self.norm(both))
        return self.head(x)


class ClipFusion(nn.Module):
    """V1: CLIP's tokens attend both ways; both vectors, of length 1, feed a wide and a deep head.

    clip: a transformers CLIPModel or SiglipModel. All of it is frozen but the last settings.layers
    of either encoder, their final norms and the projections.
    """

    def __init__(self, clip, settings, k: int = 1):
        super().__init__()
        self.clip = clip
        self.layers = settings.layers
        # SigLIP has no projections
        self.has_projections = hasattr(clip, "visual_projection")
        d = clip.config.vision_config.hidden_size

        if self.has_projections:
            d = clip.visual_projection.out_features

        width, dropout = settings.width, settings.dropout
        heads = 8 if d % 8 == 0 else 1
        self.cross = CrossAttention(d, heads, dropout)

        first = nn.Linear(2 * d, width)
        blocks = residual_blocks(settings.blocks, width, 4 * width, dropout)
        self.deep = nn.Sequential(first, *blocks, nn.LayerNorm(width))
        self.wide = nn.Sequential(
            nn.Linear(2 * d, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(5 * width, k)

        clip.requires_grad_(False)

        for module in self.trained_modules():
            module.requires_grad_(True)

    def trained_modules(self) -> list[nn.Module]:
        """The modules of CLIP that are trained."""
        text = self.clip.text_model
        vision = self.clip.vision_model
        modules = [
            *text.encoder.layers[-self.layers :],
            *vision.encoder.layers[-self.layers :],
            text.final_layer_norm,
            vision.post_layernorm,
        ]

        if self.has_projections:
            modules += [self.clip.text_projection, self.clip.visual_projection]

        return modules

    def train(self, mode: bool = True):
        """Frozen modules stay in evaluation mode: no dropout in them."""
        super().train(mode)
        self.clip.eval()

        for module in self.trained_modules():
            module.train(mode)

        return self

    def encode(self, pixels, ids, mask) -> tuple:
        """CLIP's tokens of the images (b, t, d) and of the texts (b, u, d), in the joint space."""
        vision = self.clip.vision_model
        image = vision(pixel_values=pixels).last_hidden_state

        if not self.has_projections:
            # SigLIP has normalised its tokens, and was trained without a mask
            text = self.clip.text_model(input_ids=ids, attention_mask=None).last_hidden_state
            return image, text

        text = self.clip.text_model(input_ids=ids, attention_mask=mask).last_hidden_state
        image = self.clip.visual_projection(vision.post_layernorm(image))
        return image, self.clip.text_projection(text)

    def forward(self, pixels, has_image, ids, mask, has_text):
        """pixels (b, 3, s, s), ids and mask (b, u), has_image and has_text (b,) bool → (b, k)."""
        image, text = self.encode(pixels, ids, mask)
        image_mask = has_image[:, None].expand(image.shape[:2])
        text_mask = mask.bool() & has_text[:, None]

        image_vector, text_vector = self.cross(image, image_mask, text, text_mask)
        image_vector = normalize(image_vector, dim=1)
        text_vector = normalize(text_vector, dim=1)

        both = torch.cat([image_vector, text_vector], 1)
        deep = self.deep(both)
        wide = self.wide(both)
        return self.head(torch.cat([deep, wide], 1))
