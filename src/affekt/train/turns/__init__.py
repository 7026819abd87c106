"""Small nets that read the turns of conversations from vectors of their words: training, graph, model folder."""
