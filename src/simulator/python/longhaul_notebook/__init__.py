"""
Runs a Databricks notebook with plain Python, cell by cell in one namespace, with a small `dbutils`.

The simulated workspace writes a request (`notebook`, `parameters`, `taskValues`) and starts `run_notebook.py` with it;
what became of the notebook is left beside the request as `result.json`. Standard library only, Python 3.9 or newer.
"""
