"""c_all: one network for all five categories and their 42 attributes, as the winner had; the masked
loss makes it one task.

make all CATEGORY=c_all
"""

from config import Config

config = Config(task="attributes", models=("net",), net=dict(epochs=10, head="mlp", head_lr=5e-5))
