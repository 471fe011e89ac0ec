"""The sample's tees: a small network from random weights, heads on its frozen trunk; what c1 to c5
do, in minutes.

Run     make demo, or make all CATEGORY=demo_tees
Needs   CPU; the sample that make demo draws; 12 MB of disk
Took    2 minutes on two cores
Score   .686 HM out-of-fold
"""

from config import Config

config = Config(
    task="attributes",
    models=("net", "heads"),
    data=dict(folder="demo_taxonomy", categories=("Tees",), n_folds=3),
    images=dict(size=64),
    net=dict(
        backbone="test_resnet",
        pretrained=False,
        head="mlp",
        width=128,
        augment="none",
        epochs=20,
        batch=16,
        lr=4e-3,
        head_lr=4e-3,
        mmd=0.0,
    ),
    features=dict(views=2),
    heads=dict(epochs=6, lr=3e-4),
)
