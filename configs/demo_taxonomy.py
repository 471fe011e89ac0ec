"""The sample's one submission, from its two categories.

make demo
"""

from config import Config

config = Config(
    task="attributes", concat=("demo_tees", "demo_dresses"), data=dict(folder="demo_taxonomy")
)
