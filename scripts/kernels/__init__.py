"""A category as Kaggle kernels: written here, run there.

`kernels.write` makes them; `kernels.session` is what each does on Kaggle.
"""
