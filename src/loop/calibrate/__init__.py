"""The numbers of the gate and of the monitor, measured on this data: `loop calibrate`.

It imports up to review and monitor.
"""
