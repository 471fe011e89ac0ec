"""c_all: one network for all five categories and their 42 attributes, as the winner had; the masked
loss makes it one task.

Run     make all CATEGORY=c_all
Needs   a GPU; the competition's files in input/visual-taxonomy; convnext_base.fb_in22k_ft_in1k_384
        from the hub or run.weights
Took    not run here: the images were not to be had
Score   not run here
"""

from config import Config

config = Config(task="attributes", models=("net",), net=dict(epochs=10, head="mlp", head_lr=5e-5))
