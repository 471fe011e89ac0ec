"""c4: Women Tshirts, 8 attributes of the visual taxonomy; ConvNeXt-Base at 512 pixels, T1 then T2.

make all CATEGORY=c4
"""

from config import Config

config = Config(
    task="attributes", models=("net", "heads"), data=dict(categories=("Women Tshirts",))
)
