"""The oracle: a U-Net that annotates generated images in place of a person.

It learns from true masks of drawn images (faces, cars, horses) that are neither shots nor tests. Of an image that a
generator made nobody knows the truth, so what it says there is its opinion.
"""
