"""How the procedural datasets are drawn: sampling, camera, canvas, shapes and splits."""
