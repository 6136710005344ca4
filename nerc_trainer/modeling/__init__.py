"""Building taggers from pre-trained encoders."""
