"""The sample's one submission, from its two categories.

make demo
"""

from config import Config, Data

config = Config(
    task="attributes", join=("demo_tees", "demo_dresses"), data=Data(folder="demo_taxonomy")
)
