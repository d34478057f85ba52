"""Every published number made again from nothing, and compared with what is published: `minialign reproduce`."""
