"""What is shown and exported: terminal, HTML page, tables, EmotionML."""
