"""Assign the book's exercises to a class, and grade what comes back: ``python -m aelib.teach``.

Grading itself is nbgrader's: its cell metadata, its gradebook, its feedback and its formgrader.
What is here brings submissions in from a learning management system, runs each in a sandbox, and
sees to it that a broken or hostile one costs nobody else a grade.
"""
