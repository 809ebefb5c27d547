"""Writes the golden series beside this file: what the Python library `ta` says of a few series of our own.

Made with Python 3.11, ta 0.11.0, pandas 3.1.1 and numpy 2.4.6:

    python -m venv /tmp/goldens && /tmp/goldens/bin/pip install ta==0.11.0 pandas==3.1.1 numpy==2.4.6
    /tmp/goldens/bin/python shared/src/maths/indicators/goldens/make.py

An empty cell is NaN. ATR before its first value is NaN here (ta says 0); VWAP, which ta has only over a moving
window, is a cumulative sum per UTC day.
"""

import pathlib

import numpy as np
import pandas as pd
from ta.momentum import RSIIndicator
from ta.trend import MACD, EMAIndicator, SMAIndicator
from ta.volatility import AverageTrueRange, BollingerBands

MINUTE = 60_000
DAY = 86_400_000
START = 1_709_251_200_000 - 90 * MINUTE  # 22:30 UTC, so that series reach into the next day


def uniform(seed):
    """Numbers in [0, 1) of a linear congruential generator: the same everywhere."""
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 33) / 2**31


def walk(seed, rows, price, places, step, start=START):
    """Bars of a random walk, rounded as venues round."""
    draw = uniform(seed)
    bars = []
    close = price
    for n in range(rows):
        opened = close
        close = max(opened * (1 + step * (next(draw) - 0.5)), price / 10)
        high = max(opened, close) * (1 + step * next(draw) / 4)
        low = min(opened, close) * (1 - step * next(draw) / 4)
        volume = 0.0 if next(draw) < 0.05 else round(next(draw) * 100, 3)
        close = round(close, places)
        bars.append((start + n * MINUTE, round(high, places), round(low, places), close, volume))
    return pd.DataFrame(bars, columns=["timestamp", "high", "low", "close", "volume"])


def missing_bars():
    """A day's end and the next morning with minutes left out, singly and by the dozen."""
    bars = walk(1, 240, 64_123.4, 1, 0.004)
    gone = [3, 17, 18, 40, *range(90, 130), 200]
    return bars.drop(index=gone).reset_index(drop=True)


def missing_closes():
    """Closes that are NaN: the first, one, two in a row, as long as the slow periods, the last."""
    bars = walk(2, 220, 3_456.78, 2, 0.01)
    for place in [0, 30, 45, 46, *range(90, 145), 219]:
        bars.loc[place, "close"] = np.nan
    return bars


def too_short():
    """Not enough for most."""
    return walk(3, 13, 150.25, 2, 0.02)


def standing_still():
    """Flat from the start, up, flat, down and flat again: nothing lost, nothing gained, no deviation."""
    bars = walk(4, 150, 20.0, 2, 0.0)
    close = [20.0] * 40 + [20.0 + 0.05 * n for n in range(30)] + [21.5] * 30
    close += [21.5 - 0.03 * n for n in range(20)] + [20.9] * 30
    bars["close"] = [round(c, 2) for c in close]
    bars["high"], bars["low"] = bars["close"] + 0.01, bars["close"] - 0.01
    return bars.round({"high": 2, "low": 2})


def tiny_prices():
    """A coin of millionths, with a crash to a tenth and back."""
    bars = walk(5, 120, 0.000_012_34, 10, 0.03)
    for place in range(60, 66):
        for name in ["high", "low", "close"]:
            bars.loc[place, name] = round(bars.loc[place, name] / 10, 10)
    return bars


def indicators(bars):
    high, low, close = bars["high"], bars["low"], bars["close"]
    out = bars.copy()
    # No period of 3: at an alpha of exactly 1/2, and nowhere else, pandas 3.1 weighs what follows a NaN differently.
    for n in [1, 4, 20, 50]:
        out[f"ema_{n}"] = EMAIndicator(close, n).ema_indicator()
        out[f"sma_{n}"] = SMAIndicator(close, n).sma_indicator()
    for n in [2, 14]:
        out[f"rsi_{n}"] = RSIIndicator(close, n).rsi()
    for fast, slow, signal in [(12, 26, 9), (4, 7, 5)]:
        macd = MACD(close, window_slow=slow, window_fast=fast, window_sign=signal)
        name = f"macd_{fast}_{slow}_{signal}"
        out[name] = macd.macd()
        out[f"{name}_signal"] = macd.macd_signal()
        out[f"{name}_hist"] = macd.macd_diff()
    for n, width in [(20, 2), (5, 1.5)]:
        bands = BollingerBands(close, window=n, window_dev=width)
        name = f"bb_{n}_{width}"
        out[f"{name}_upper"] = bands.bollinger_hband()
        out[f"{name}_middle"] = bands.bollinger_mavg()
        out[f"{name}_lower"] = bands.bollinger_lband()
    if not close.isna().any():
        # ta has nothing to say of a series shorter than the period.
        for n in [n for n in [1, 5, 14] if n <= len(bars)]:
            atr = AverageTrueRange(high, low, close, window=n).average_true_range()
            out[f"atr_{n}"] = atr.where(np.arange(len(atr)) >= n - 1)
        day = bars["timestamp"] // DAY
        turnover = ((high + low + close) / 3 * bars["volume"]).groupby(day).cumsum()
        volume = bars["volume"].groupby(day).cumsum()
        out["vwap"] = turnover / volume.where(volume > 0)
    return out


if __name__ == "__main__":
    folder = pathlib.Path(__file__).parent
    for series in [missing_bars, missing_closes, too_short, standing_still, tiny_prices]:
        indicators(series()).to_csv(folder / f"{series.__name__}.csv", index=False, lineterminator="\n")
