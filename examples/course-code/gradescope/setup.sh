#!/usr/bin/env bash
pip3 install -q backtrace-autodiff
