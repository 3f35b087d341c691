"""ECGCLIP, server side: from recordings and labels to a signed, quantized, measured model bundle. Not a medical device.

Read in this order, which is that of the data; each folder uses only those before it:

- whole_file, config, catalog, leads, metrics: recipes, tasks, and what all others share
- model, augment: the network, and the variation it is trained with
- data, importers, simulator: recordings and reports from others or from a simulated heart, in one form
- pretraining: an encoder
- export, training, judging, bundle: what `steps` calls one after another
- transfer, quality, saliency, report: what an encoder is worth, which leads can be read, what a finding rests on, and
  one page about a bundle
"""

import os

# ONNX Runtime would else report to Microsoft over HTTPS. It looks when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
