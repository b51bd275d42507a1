"""Which team answers a customer's mail: a model of texts.

`python examples/support/train.py` writes model.joblib and mails.csv beside this file, and describes
the model in triscore.json.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from deploy import describe

HERE = Path(__file__).resolve().parent

SUBJECTS = {
    "billing": ("my invoice", "the last payment", "a refund", "the price of my plan", "my card"),
    "delivery": ("my parcel", "the courier", "the delivery date", "my order", "the tracking link"),
    "technical": ("the app", "my password", "the login page", "an error message", "the update"),
}
MAILS = (
    "I have a question about {}.",
    "There is a problem with {}, please help!",
    "Could you look into {} today?",
    "{} is wrong again.",
    "Nobody answers me about {}.",
)


def main() -> None:
    mails, teams = [], []
    for team, subjects in SUBJECTS.items():
        for mail, subject in product(MAILS, subjects):
            mails.append(mail.format(subject))
            teams.append(team)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)).fit(mails, teams)
    describe(model, pd.Series(mails, name="mail"), HERE)
    pd.DataFrame({"mail": mails[::15]}).to_csv(HERE / "mails.csv", index=False)
    print(f"support: {len(mails)} mails, accuracy on them {model.score(mails, teams):.3f}")


if __name__ == "__main__":
    main()
