"""Windows of one length in one call: the same bits as transformers' loop over windows."""

import pytest
import torch
import transformers
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

import tiny
from networks.windows import group_windows
from tiny import load

# sizes of images in patches: one that windows fill, one that they do not, several
GRIDS = [[[1, 16, 16]], [[1, 18, 22]], [[1, 8, 8], [1, 12, 14], [1, 18, 22], [1, 12, 14]]]


@pytest.fixture
def tower():
    """A vision tower of four layers, of which one sees whole images."""
    config = transformers.Qwen2_5_VLConfig().vision_config
    config.depth, config.fullatt_block_indexes = 4, [1]
    config.hidden_size, config.intermediate_size, config.num_heads = 32, 32, 2
    config.out_hidden_size = 16
    config._attn_implementation = "sdpa"
    torch.manual_seed(0)
    return qwen.Qwen2_5_VisionTransformerPretrainedModel(config).eval()


@pytest.fixture
def calls(monkeypatch):
    """The shapes of the queries of all calls of attention."""
    shapes = []
    own = torch.nn.functional.scaled_dot_product_attention

    def noted(query, *args, **kwargs):
        shapes.append(tuple(query.shape))
        return own(query, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", noted)
    return shapes


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("amp", [False, True])
def test_grouped_windows_give_the_same_bits_in_fewer_calls(tower, calls, grid, amp):
    grid = torch.tensor(grid)
    patches = torch.randn(int(grid.prod(1).sum()), 1176)

    def embed():
        calls.clear()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=amp):
            return tower(patches, grid_thw=grid).pooler_output, len(calls)

    expected, loop_calls = embed()
    assert group_windows(tower) == 4
    actual, grouped_calls = embed()
    assert torch.equal(actual, expected)
    assert grouped_calls < loop_calls
    # no more than two lengths a side of an image
    assert grouped_calls <= 4 * 4 * len(grid)


def test_another_batch_has_its_own_windows(tower):
    group_windows(tower)
    results = []
    for grid in ([[1, 8, 8]], [[1, 12, 14]], [[1, 8, 8]]):
        grid = torch.tensor(grid)
        patches = torch.ones(int(grid.prod(1).sum()), 1176)
        with torch.inference_mode():
            results.append(tower(patches, grid_thw=grid).pooler_output)
    assert torch.equal(results[0], results[2])


def test_a_tower_that_is_not_known_is_left_alone(tower):
    tower.config._attn_implementation = "flash_attention_2"
    assert group_windows(tower) == 0

    tower.config._attn_implementation = "sdpa"
    for block in tower.blocks:
        del block.attn.scaling
    assert group_windows(tower) == 0
    assert group_windows(torch.nn.Linear(2, 2)) == 0


@pytest.mark.parametrize("side", ["image", "joint"])
def test_frozen_encoders_group_their_windows(tmp_path, side):
    tiny.qwen_vl(tmp_path / "qwen_vl")
    encoder = load(tmp_path, side, "qwen_vl")
    attention = encoder.model.visual.blocks[0].attn
    assert "forward" in vars(attention)
