"""A category as Kaggle kernels: written here, run there.

`kernels.plan` says which there are, `kernels.folders` writes them, and `kernels.session` is what
each does on Kaggle.
"""
