"""The forms that one network is shipped in: ONNX in fp32, fp16 and int8, and TensorFlow Lite."""
