"""The visual taxonomy's one submission of 30,205 rows, from the five categories'.

make every COMPETITION=visual_taxonomy
"""

from config import Config

config = Config(task="attributes", concat=("c1", "c2", "c3", "c4", "c5"))
