"""ECGCLIP, server side: from recordings and labels to a signed, quantized, measured model bundle.

Read in this order: config, data, augment, model, train, export, calibrate, quantize, bundle. Not a medical device.
"""
