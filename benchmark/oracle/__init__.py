"""The oracle: a U-Net that stands in for the person who annotates generated images, and is called so everywhere.

It learns from true masks of drawn images (faces, cars, horses) that are neither shots nor tests. Of an image that a
generator made nobody knows the truth, so what it says there is its opinion.
"""
