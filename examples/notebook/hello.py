# Databricks notebook source
# MAGIC %md
# MAGIC A notebook that greets, and says so to whoever started it.

# COMMAND ----------

dbutils.widgets.text("name", "world")
greeting = f"Hello, {dbutils.widgets.get('name')}!"
print(greeting)

# COMMAND ----------

dbutils.notebook.exit(greeting)
