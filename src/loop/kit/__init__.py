"""What a problem is made of: types that `src/problem` and the machinery share, and parts ready to use.

It imports nothing of a problem, and of `loop` nothing at all; a problem imports nothing else of `loop`.
"""
