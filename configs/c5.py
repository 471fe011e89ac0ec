"""c5: Women Tops & Tunics, 10 attributes of the visual taxonomy; ConvNeXt-Base at 512 pixels, T1
then T2.

make all CATEGORY=c5
"""

from config import Config

config = Config(
    task="attributes", models=("net", "heads"), data=dict(categories=("Women Tops & Tunics",))
)
