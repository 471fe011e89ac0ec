"""The sample's dresses: a small network from random weights, heads on its frozen trunk; what c1 to c5 do, in a minute.

    make demo
"""
from common.config import Config, Data, Features, Heads, Images, Net

config = Config(
    task="attributes", models=("net", "heads"),
    data=Data(folder="demo_taxonomy", categories=("Dresses",), n_folds=3),
    images=Images(size=96),
    net=Net(backbone="resnet10t", pretrained=False, width=128, epochs=12, batch=32, lr=1e-3, head_lr=1e-3, augment="light", mmd=0.0),
    features=Features(views=2),
    heads=Heads(epochs=6),
)
