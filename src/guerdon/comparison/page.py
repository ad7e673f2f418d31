"""x."""
def write_page(data, path): pass
