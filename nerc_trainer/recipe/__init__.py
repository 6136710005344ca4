"""Recipes: the typed sections (`sections`), and how a file and the command line become them (`load`).

Nothing is imported here, so that listing recipes does not pay for checking them.
"""
