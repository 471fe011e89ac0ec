"""V2 and V1: the published count, masks, missing sides, and that they learn."""

import pytest
import torch

from models.clip import Settings as Clip
from models.fusion import Settings as Fusion
from networks.cross_attention import CrossAttention, FusionNet
from networks.pooling import masked_mean


def test_v2_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in FusionNet(768, 768, Fusion()).parameters()) == 11_292_673


@pytest.fixture
def net():
    torch.manual_seed(0)
    return FusionNet(6, 5, Fusion(width=16, heads=4, hidden=32)).eval()


def test_with_one_token_a_side_attention_is_a_linear_map_of_the_other_side():
    torch.manual_seed(0)
    cross = CrossAttention(8, 2, 0.0).eval()
    all_present = torch.ones(3, 1, dtype=torch.bool)
    text, a, b = torch.randn(3, 1, 8), torch.randn(3, 1, 8), torch.randn(3, 1, 8)

    def asked(image):
        return cross.to_image(text, image, image, need_weights=False)[0]

    torch.testing.assert_close(asked(a + b) + asked(torch.zeros_like(a)), asked(a) + asked(b))
    assert cross(a, all_present, text, all_present)[1].shape == (3, 8)


def test_padding_changes_nothing_and_tokens_do(net):
    image, text = torch.randn(4, 3, 6), torch.randn(4, 2, 5)
    padded = torch.cat([image, torch.zeros(4, 4, 6)], 1), torch.cat([text, torch.zeros(4, 1, 5)], 1)
    torch.testing.assert_close(net(image, text), net(*padded))
    assert not torch.allclose(net(image, text), net(image[:, :2], text))


def test_a_missing_side_is_told_from_any_that_is_there_and_gives_no_nan(net):
    image, text = torch.randn(4, 3, 6), torch.randn(4, 2, 5)
    none = net(torch.zeros_like(image), text)
    assert (
        torch.isfinite(none).all()
        and torch.isfinite(net(torch.zeros_like(image), torch.zeros_like(text))).all()
    )
    torch.testing.assert_close(none, net(torch.zeros(4, 1, 6), text))  # however it is padded
    assert not torch.allclose(none, net(image, text))
    mixed = net(torch.cat([image[:2], torch.zeros(2, 3, 6)]), text)  # and whoever is in the batch
    torch.testing.assert_close(mixed, torch.cat([net(image, text)[:2], none[2:]]))
    net.train()
    net(torch.zeros_like(image).requires_grad_(), text).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_masked_mean_by_hand():
    x = torch.tensor([[[1.0], [3.0], [9.0]], [[5.0], [7.0], [1.0]]])
    assert masked_mean(x, torch.tensor([[1, 1, 0], [0, 0, 0]], dtype=torch.bool)).tolist() == [
        [2.0],
        [0.0],
    ]


def test_v1_trains_the_last_layers_alone_and_flags_what_is_missing(tmp_path):
    from transformers import AutoModel

    import tiny
    from networks.cross_attention import ClipFusion

    for build in (tiny.clip, tiny.siglip):
        clip = AutoModel.from_pretrained(build(tmp_path / build.__name__)).eval()
        net = ClipFusion(clip, Clip(width=16)).eval()
        trained = {name for name, p in net.clip.named_parameters() if p.requires_grad}
        last = clip.config.text_config.num_hidden_layers - 1
        assert any(f"text_model.encoder.layers.{last}." in n for n in trained) and not any(
            ".layers.0." in n for n in trained
        )
        assert not any("embeddings" in name for name in trained)
        size = clip.config.vision_config.image_size
        pixels, ids = torch.randn(3, 3, size, size), torch.randint(4, 90, (3, 7))
        yes, no = torch.ones(3, dtype=torch.bool), torch.zeros(3, dtype=torch.bool)
        mask = torch.ones(3, 7, dtype=torch.long)
        out = net(pixels, yes, ids, mask, yes)
        assert out.shape == (3, 1) and not torch.allclose(out, net(pixels, no, ids, mask, yes))
        torch.testing.assert_close(
            net(pixels, no, ids, mask, yes), net(pixels * 0, no, ids, mask, yes)
        )
        torch.testing.assert_close(
            net(pixels, yes, ids, mask, no), net(pixels, yes, ids * 0 + 5, mask, no)
        )
