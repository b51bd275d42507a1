"""How many bicycles an hour's weather rents out: a regression on a DataFrame, scored from Parquet.

`python examples/rentals/train.py` writes model.joblib and rentals.parquet, 20,000 hours to score,
beside this file, and describes the model in triscore.json.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from deploy import describe

HERE = Path(__file__).resolve().parent


def hours(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Made-up hours, and the bicycles that were rented in each of them."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "hour": random.integers(0, 24, count),
            "weather": pd.Categorical(random.choice(["clear", "cloudy", "rain"], count)),
            "temperature": random.normal(14, 8, count).round(1),
            "wind": random.gamma(2, 6, count).round(1),
            "is_holiday": random.random(count) < 0.1,
        }
    )
    commuters = 120 * np.exp(-((frame.hour - 8) ** 2) / 4) + 150 * np.exp(
        -((frame.hour - 17) ** 2) / 6
    )
    riders = commuters * ~frame.is_holiday + 4 * frame.temperature.clip(0) - frame.wind
    rented = riders * np.where(frame.weather == "rain", 0.4, 1) + random.normal(0, 8, count)
    return frame, rented.clip(0).round().to_numpy()


def main() -> None:
    frame, rented = hours(10_000, seed=0)
    encoder = make_column_transformer((OrdinalEncoder(), ["weather"]), remainder="passthrough")
    model = make_pipeline(encoder, HistGradientBoostingRegressor(random_state=0)).fit(frame, rented)
    describe(model, frame, HERE)
    unseen, really = hours(20_000, seed=1)
    unseen.to_parquet(HERE / "rentals.parquet", index=False)
    print(f"rentals: R2 {model.score(unseen, really):.3f}")


if __name__ == "__main__":
    main()
