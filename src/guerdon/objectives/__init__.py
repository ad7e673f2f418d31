"""(Batch, advantage) -> loss: surrogates, aggregation, regularisers, values, preferences, flow balance."""
