// SPDX-License-Identifier: GPL-2.0

//! Nothing: what the compiler may call beyond `core`, the kernel has (`memcpy` and its like) or is
//! an error when the module is linked.

#![allow(internal_features)]
#![feature(compiler_builtins)]
#![compiler_builtins]
#![no_builtins]
#![no_std]
