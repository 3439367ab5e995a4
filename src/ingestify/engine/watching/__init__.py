"""A lake that is kept up to date for ever.

- `near_matches`: the matches of the lake that were played lately, or will be.
- `agenda`: when each plan and each selector is looked at next, and why.
- `told`: what sources tell of by themselves, which is looked at at once.
- `troubles`: what fails for a while is told once.
- `heart`: the sign of life, while the loop goes on.
- `watching`: the loop.
"""
