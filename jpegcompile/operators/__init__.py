"""What the operators of the domain `jpegcompile` are: names, layouts and function bodies.

Nothing here knows a graph, so that running a compiled file needs no compiler.
"""
