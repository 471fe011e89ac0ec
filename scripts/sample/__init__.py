"""What the tasks' samples are drawn with.

scene.py        what all are drawn on: colours, shapes, a photograph
garments.py     garments, for tasks/attributes; cuts.py and fabric.py are their outlines and cloth
packs.py        groceries, for tasks/price
labels.py       packs and product pages with print on them, for tasks/entity; pages.py,
                things.py and lettering.py are their parts
folder.py       the folder that it all goes to

Every file here may be imported; what a task's sample holds stands in tasks/<task>/sample.py.
"""
