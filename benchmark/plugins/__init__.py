"""Plugins: who offers what, under which name, keeping which contract."""
