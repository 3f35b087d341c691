"""Twelve-lead ECG with its report, for each of the catalog's 45 diagnoses.

Read in this order: heart (one beat), conditions (what disease does to it), rhythms (when it beats), signal (what
electrodes see), reports (what a reader writes), cohort (many patients).
"""
