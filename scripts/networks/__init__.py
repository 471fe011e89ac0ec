"""Torch: backbones, heads, losses, the training loop, devices, pretrained encoders.

Every file here may be imported.
"""
