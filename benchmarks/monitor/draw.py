def draw(found): pass
