def draw(found):
    pass
