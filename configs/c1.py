"""c1: Men Tshirts, 5 attributes of the visual taxonomy; ConvNeXt-Base at 512 pixels, T1 then T2.

Run     make all CATEGORY=c1
Needs   a GPU; the competition's files in input/visual-taxonomy; convnext_base.fb_in22k_ft_in1k_384
        from the hub or run.weights; 14 GB of disk for the maps of a fold, removed once T2 read them
Took    not run here: the images were not to be had
Score   not run here; the published notebook has .7693 over all five categories
"""

from config import Config

config = Config(task="attributes", models=("net", "heads"), data=dict(categories=("Men Tshirts",)))
