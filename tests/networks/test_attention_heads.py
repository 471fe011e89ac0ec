"""The networks are the published ones; the losses do what their formulas say; weights load strictly
or not at all."""

import numpy as np
import pytest
import timm
import torch

from common.errors import UserError
from models.net import Settings as Net
from networks.attributes import AttributeNet
from networks.backbone import create_backbone, normalize_images
from networks.losses import mmd
from networks.weights import load_strict, read_weights, save_weights


@pytest.mark.parametrize(
    "sizes, count", [([4, 2, 2, 3, 2], 95_658_253), ([4, 6, 3, 8, 4, 3, 4, 5, 9, 2], 102_711_728)]
)
def test_parameter_counts_are_the_published_ones(sizes, count):
    with torch.device("meta"):
        net = AttributeNet(timm.create_model(Net().backbone, num_classes=0), sizes)
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize("name", ["test_convnext", "test_efficientnet", "test_vit"])
@pytest.mark.parametrize("head", ["attention", "mlp"])
def test_any_timm_backbone_serves(name, head):
    net = AttributeNet(timm.create_model(name, num_classes=0), [3, 2], head, 32).eval()
    side = net.backbone.pretrained_cfg["input_size"][-1]
    logits, features = net(torch.randn(2, 3, side, side))
    assert logits.shape == (2, 5) and features.shape == (2, net.backbone.head_hidden_size)
    sum(logits.flatten()).backward()
    assert all(p.grad is not None for p in net.heads.parameters())


# no class token, a class token, attention pools, channels last, a layer after the pool
TINY = dict(embed_dim=32, depth=2, num_heads=2, img_size=32, patch_size=8)
POOLS = [
    ("test_convnext", {}),
    ("test_efficientnet", {}),
    ("test_vit", {}),
    ("test_vit2", {}),
    ("test_vit3", {}),
    ("vit_base_patch16_siglip_224", TINY),
    ("vit_base_patch16_clip_224", TINY),
    ("test_mambaout", {}),
    ("mobilenetv3_small_050", {}),
    ("hgnetv2_b0", {}),
]


@pytest.mark.parametrize("name, settings", POOLS)
def test_mlp_heads_and_mmd_see_the_backbones_own_embedding(name, settings):
    torch.manual_seed(0)
    backbone = timm.create_model(name, num_classes=0, **settings)
    side = settings.get("img_size", 32 if "test_vit" not in name else 160)
    images = torch.randn(4, 3, side, side)
    net = AttributeNet(backbone, [3, 2], "mlp", 32)

    net.eval()
    with torch.no_grad():
        own = backbone.forward_head(backbone.forward_features(images), pre_logits=True)
        logits, features = net(images)
        assert torch.equal(features, own) and torch.equal(net.trunk(images), own)
        assert torch.equal(logits, torch.cat([head(own) for head in net.heads], 1))

        # the published heads read a map, and MMD the same embedding
        published = AttributeNet(backbone, [3, 2], "attention", 32).eval()
        assert published.trunk(images).ndim == 4
        assert torch.equal(published(images)[1], own)

    net.train()
    net(images)[0].square().sum().backward()
    without = [key for key, p in backbone.named_parameters() if p.grad is None]
    assert not without


@pytest.mark.parametrize("mmd_weight, n_unreached", [(0, 13), (1, 0)])
def test_attention_heads_reach_a_siglips_pool_by_mmd_alone(mmd_weight, n_unreached):
    backbone = timm.create_model("vit_base_patch16_siglip_224", num_classes=0, **TINY)
    net = AttributeNet(backbone, [3, 2], "attention", 32)
    logits, features = net(torch.randn(4, 3, 32, 32))
    loss = logits.square().sum()
    if mmd_weight:
        loss = loss + mmd_weight * mmd(features[:2], features[2:])
    loss.backward()
    without = [key for key, p in net.named_parameters() if p.grad is None]
    assert len(without) == n_unreached
    assert all(key.startswith("backbone.attn_pool.") for key in without)


def test_the_channel_gate_commutes_with_the_mean():
    head = (
        AttributeNet(timm.create_model("test_convnext", num_classes=0), [3], width=32)
        .heads[0]
        .eval()
    )
    x = torch.randn(2, 64, 4, 4)
    s = head.spatial(x)
    gated = s * head.channel(s.mean((2, 3)))[:, :, None, None]
    assert torch.allclose(head(x), head.mlp(gated.mean((2, 3))), atol=1e-6)


def test_mmd_is_zero_for_equal_samples_grows_with_a_shift_and_has_a_gradient():
    torch.manual_seed(0)
    x, y = torch.randn(40, 16, requires_grad=True), torch.randn(40, 16)
    assert mmd(x, x).abs() < 1e-6
    values = [mmd(x, y + shift).item() for shift in (0, 0.5, 1, 2)]
    assert values == sorted(values) and values[-1] > 4 * values[0]
    mmd(x, y + 1).backward()
    assert x.grad.abs().max() > 1e-4


def test_mmd_is_exact_in_half_precision_too():
    torch.manual_seed(0)
    x, y = torch.randn(32, 256) * 8, torch.randn(32, 256) * 8 + 1
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(mmd(x, y), mmd(x.double(), y.double()).float(), rtol=1e-3)


def test_normalisation_is_the_backbones():
    net = timm.create_model("test_convnext", num_classes=0)
    cfg = net.pretrained_cfg
    got = normalize_images(np.full((1, 4, 4, 3), 255, np.uint8), net, torch.device("cpu"), 8)
    assert got.shape == (1, 3, 8, 8)
    assert torch.allclose(
        got[0, :, 0, 0], (1 - torch.tensor(cfg["mean"])) / torch.tensor(cfg["std"]), atol=1e-5
    )


def test_prefixes_of_wrappers_are_understood(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(2, 2))
    save_weights(
        {f"module._orig_mod.{k}": v for k, v in net.state_dict().items()},
        tmp_path / "x.safetensors",
    )
    other = torch.nn.Sequential(torch.nn.Linear(2, 2))
    load_strict(other, read_weights(tmp_path / "x.safetensors"), "x")
    assert torch.equal(net[0].weight, other[0].weight)


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda s: s.pop("0.bias"), "missing 0.bias"),
        (lambda s: s.update(more=torch.zeros(1)), "extra more"),
        (
            lambda s: s.update({"0.weight": torch.zeros(3, 2)}),
            r"0.weight is \(3, 2\), not \(2, 2\)",
        ),
    ],
)
def test_one_wrong_key_stops(change, says):
    net = torch.nn.Sequential(torch.nn.Linear(2, 2))
    state = dict(net.state_dict())
    change(state)
    with pytest.raises(UserError, match=says):
        load_strict(net, state, "x.safetensors")


def test_weights_come_from_a_folder_and_their_absence_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    net = timm.create_model("test_convnext")
    save_weights(net, tmp_path / "test_convnext.safetensors")
    loaded, source = create_backbone("test_convnext", True, str(tmp_path))
    assert (
        torch.equal(loaded.stem[0].weight, net.stem[0].weight) and source["test_convnext"]["sha256"]
    )
    whole = read_weights(tmp_path / "test_convnext.safetensors")
    save_weights(
        {k.replace("stages.3", "stages.9"): v for k, v in whole.items()},
        tmp_path / "test_convnext.safetensors",
    )
    with pytest.raises(UserError, match="does not fit the network: missing stages.3"):
        create_backbone("test_convnext", True, str(tmp_path))
    with pytest.raises(UserError, match="is no folder"):
        create_backbone("test_convnext", True, str(tmp_path / "typo"))
    with pytest.raises(UserError, match="takes images of 160 pixels, not 512"):
        create_backbone("test_vit", False, "", 512)
    with pytest.raises(
        UserError,
        match="no test_vit.safetensors in run.weights=.*there are: test_convnext.safetensors",
    ):
        create_backbone("test_vit", True, str(tmp_path))
    with pytest.raises(UserError, match="no backbone resnet_of_mine"):
        create_backbone("resnet_of_mine", False, "")


def test_a_file_that_is_no_safetensors_is_told(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(UserError, match="cannot read"):
        read_weights(tmp_path / "x.safetensors")
