"""The auto-shot segmenter (sections 3.3 and 4.3): a U-Net that takes a picture to part labels in one pass."""
