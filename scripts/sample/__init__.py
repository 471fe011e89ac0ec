"""What the tasks' samples are drawn with: garments, packs, labels, and folders of them.

Every file here may be imported; what a task's sample holds stands in tasks/<task>/sample.py.
"""
