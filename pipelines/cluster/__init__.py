"""The same engines on several machines, by Ray Serve: an extra, requirements-cluster.txt.

The process of the page does not load it. It holds a link to a child process, the gateway, which alone is a member of
the cluster. So the visits survive whatever happens there, and the page's process runs none of Ray's threads.
"""
