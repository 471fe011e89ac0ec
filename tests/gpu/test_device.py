"""Device selection with run.device=auto, and what torch.distributed sends with NCCL."""


def test_auto_selects_the_gpu_and_its_fast_precision():
    import torch

    from common.sections import Run
    from networks.device import precision, use_device

    with use_device(Run(device="auto")) as selected:
        assert selected.type == ("cuda" if torch.cuda.is_available() else "cpu")
        if selected.type == "cpu":
            assert precision(Run(), selected, training=True) is None
        elif torch.cuda.get_device_capability(selected) >= (8, 0):
            assert precision(Run(), selected) == torch.bfloat16
        else:
            assert precision(Run(), selected) == torch.float16


def test_nccl_sends_every_dtype_and_memory_format(device, tmp_path, monkeypatch):
    """One process that believes there are two: every sum must equal its own value."""
    import torch
    import torch.distributed as dist
    from torch import nn

    from networks import distributed

    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, init_method=f"file://{tmp_path}/init", rank=0, world_size=1)
    try:
        monkeypatch.setattr(distributed, "world_size", lambda: 2)
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 1))
        net.to(device, memory_format=torch.channels_last)
        net(torch.randn(2, 3, 8, 8, device=device)).sum().backward()
        net[2].weight.grad = None  # as for a parameter that the loss does not reach
        gradients = {
            name: parameter.grad.clone()
            for name, parameter in net.named_parameters()
            if parameter.grad is not None
        }
        state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        distributed.reduce_gradients(net.parameters(), bucket=100)
        distributed.broadcast_parameters(net)
        assert distributed.communication_device().type == device.type
        assert distributed.all_reduce_sum(2.5) == 2.5
        for name, parameter in net.named_parameters():
            if name == "2.weight":
                assert parameter.grad is None
            else:
                assert torch.equal(parameter.grad, gradients[name]), name
        for name, tensor in net.state_dict().items():
            assert torch.equal(tensor, state[name]), name
    finally:
        dist.destroy_process_group()
