"""Which customers leave: a DataFrame with numbers, texts, truth values and gaps.

`python examples/churn/train.py` writes model.joblib and customers.csv, ten customers whom the model
never saw, beside this file, and describes the model with its training frame in triscore.json.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deploy import describe

HERE = Path(__file__).resolve().parent


def customers(count: int = 4000) -> tuple[pd.DataFrame, pd.Series]:
    """Made-up customers, and whether each of them stayed or left."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "tenure_months": random.integers(1, 72, count),
            "monthly_charge": random.normal(65, 20, count).clip(20).round(2),
            "contract": random.choice(
                ["monthly", "one year", "two years"], count, p=[0.5, 0.3, 0.2]
            ),
            "payment": random.choice(["card", "invoice", "transfer"], count),
            "is_senior": random.random(count) < 0.2,
            "support_calls": random.poisson(1.5, count),
        }
    )
    risk = (
        1.5 * (frame.contract == "monthly")
        + 0.6 * frame.support_calls
        + 0.02 * frame.monthly_charge
        + 0.4 * frame.is_senior
        - 0.06 * frame.tenure_months
        - 1.2
    )
    leaves = random.random(count) < 1 / (1 + np.exp(-risk))
    frame.loc[random.random(count) < 0.03, "monthly_charge"] = np.nan  # not everybody told
    return frame, pd.Series(np.where(leaves, "leave", "stay"))


def main() -> None:
    seen, unseen, seen_ends, unseen_ends = train_test_split(*customers(), random_state=0)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["contract", "payment"]),
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            ["tenure_months", "monthly_charge", "support_calls"],
        ),
        remainder="passthrough",
    )
    model = make_pipeline(columns, LogisticRegression()).fit(seen, seen_ends)
    describe(model, seen, HERE)
    unseen.head(10).to_csv(HERE / "customers.csv", index=False)
    print(f"churn: accuracy {model.score(unseen, unseen_ends):.3f}")


if __name__ == "__main__":
    main()
