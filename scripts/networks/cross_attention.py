"""Networks that join a picture and a text: cross-attention both ways, residual MLPs, one number. V2
and V1 of the price system."""

import torch
from torch import nn


class CrossAttention(nn.Module):
    """Either side's tokens attend to the other's; the attention is added, normalised, and averaged
    over the side's tokens.

    image (b, t, d), text (b, u, d), present (b, t) and (b, u) bool → (b, d) each. With one token a
    side, the softmax has one key and the attention is a linear map of the other side: the published
    system. A side without any token, a missing picture or an empty text, stays at zero and gives
    the other nothing.
    """

    def __init__(self, d: int, heads: int, dropout: float):
        super().__init__()
        self.to_image = nn.MultiheadAttention(d, heads, dropout, batch_first=True)  # text asks
        self.to_text = nn.MultiheadAttention(d, heads, dropout, batch_first=True)  # image asks
        self.norm_text, self.norm_image = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, image, has_image, text, has_text):
        image, text = image * has_image[..., None], text * has_text[..., None]
        seen = self.norm_text(text + attend(self.to_image, text, image, has_image))
        read = self.norm_image(image + attend(self.to_text, image, text, has_text))
        return masked_mean(read, has_image), masked_mean(seen, has_text)


def attend(attention, query, keys, present):
    """Attention (b, u, d) of queries to the keys that are present; 0 where none is."""
    some = present.any(1)
    hidden = (
        ~present & some[:, None]
    )  # a row without keys would divide by zero: let it look, then take it back
    out = attention(query, keys, keys, key_padding_mask=hidden, need_weights=False)[0]
    return out * some[:, None, None]


def masked_mean(x, present):
    """Mean (b, d) over the tokens (b, t, d) that are present; 0 where none is."""
    weight = present.to(x.dtype)[..., None]
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)


class Residual(nn.Module):
    """x + MLP(LayerNorm(x)), as in a transformer."""

    def __init__(self, d: int, hidden: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.mlp = nn.Sequential(
            nn.Linear(d, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, d)
        )

    def forward(self, x):
        return x + self.mlp(self.norm(x))


class FusionNet(nn.Module):
    """V2: features of picture (b, t, d_image) and text (b, u, d_text) → (b, 1); tokens that are all
    zero are not there.

    11,292,673 parameters at 768 and 768 features, width 512, 8 heads, hidden 2048, 2 blocks: the
    published count.
    """

    def __init__(self, d_image: int, d_text: int, settings):
        super().__init__()
        s = settings
        self.image, self.text = nn.Linear(d_image, s.width), nn.Linear(d_text, s.width)
        self.cross = CrossAttention(s.width, s.heads, s.attention_dropout)
        self.norm = nn.LayerNorm(2 * s.width)
        self.blocks = nn.Sequential(
            *(Residual(2 * s.width, s.hidden, s.dropout) for _ in range(s.blocks))
        )
        self.head = nn.Linear(2 * s.width, 1)

    def forward(self, image, text):
        image, text = self.cross(self.image(image), present(image), self.text(text), present(text))
        return self.head(self.blocks(self.norm(torch.cat([text, image], 1))))


def present(tokens):
    """Which tokens (b, t) of (b, t, d) are there: padding is all zero."""
    return (tokens != 0).any(2)


class ClipFusion(nn.Module):
    """V1: CLIP's tokens attend both ways; both sides of length 1, side by side, into a wide and a
    deep head → (b, 1).

    clip: a transformers CLIPModel or SiglipModel; all of it is frozen but the last `layers` of
    either encoder, their final norms and the projections.
    """

    def __init__(self, clip, settings):
        super().__init__()
        self.clip, self.layers, self.projects = (
            clip,
            settings.layers,
            hasattr(clip, "visual_projection"),
        )
        d = (
            clip.visual_projection.out_features
            if self.projects
            else clip.config.vision_config.hidden_size
        )
        self.cross = CrossAttention(d, 8 if d % 8 == 0 else 1, settings.dropout)
        self.deep = nn.Sequential(
            nn.Linear(2 * d, settings.width),
            *(
                Residual(settings.width, 4 * settings.width, settings.dropout)
                for _ in range(settings.blocks)
            ),
            nn.LayerNorm(settings.width),
        )
        self.wide = nn.Sequential(
            nn.Linear(2 * d, 4 * settings.width), nn.GELU(), nn.Dropout(settings.dropout)
        )
        self.head = nn.Linear(5 * settings.width, 1)
        clip.requires_grad_(False)
        for part in self.trained():
            part.requires_grad_(True)

    def train(self, mode: bool = True):
        """What is frozen stays as it is when it answers: no dropout in it."""
        super().train(mode)
        self.clip.eval()
        for part in self.trained():
            part.train(mode)
        return self

    def trained(self) -> list[nn.Module]:
        """The parts of CLIP that are trained."""
        text, vision = self.clip.text_model, self.clip.vision_model
        norms = [text.final_layer_norm, vision.post_layernorm]
        projections = [
            getattr(self.clip, name)
            for name in ("text_projection", "visual_projection")
            if hasattr(self.clip, name)
        ]
        return [
            *text.encoder.layers[-self.layers :],
            *vision.encoder.layers[-self.layers :],
            *norms,
            *projections,
        ]

    def forward(self, pixels, has_image, ids, mask, has_text):
        """pixels (b, 3, s, s), ids and mask (b, u), has_image and has_text (b,) bool → (b, 1)."""
        image = self.clip.vision_model(pixel_values=pixels).last_hidden_state
        text = self.clip.text_model(
            input_ids=ids, attention_mask=mask if self.projects else None
        ).last_hidden_state
        if (
            self.projects
        ):  # SigLIP has no projections, has normalised its tokens, and was trained without a mask
            image, text = (
                self.clip.visual_projection(self.clip.vision_model.post_layernorm(image)),
                self.clip.text_projection(text),
            )
        sides = self.cross(
            image, has_image[:, None].expand(image.shape[:2]), text, mask.bool() & has_text[:, None]
        )
        both = torch.cat([nn.functional.normalize(side, dim=1) for side in sides], 1)
        return self.head(torch.cat([self.deep(both), self.wide(both)], 1))
