"""ECGCLIP, server side: from recordings and labels to a signed, quantized, measured model bundle.

Read in this order: config, data, augment, model, train, export, calibrate, quantize, bundle. Not a medical device.
"""

import os

# ONNX Runtime would else report to Microsoft over HTTPS. It looks when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
