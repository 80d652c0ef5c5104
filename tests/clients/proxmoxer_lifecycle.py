"""A container's whole life through proxmoxer. Prints one JSON object with what was seen on the way.

Usage: proxmoxer_lifecycle.py HOST:PORT NODE VMID TEMPLATE
The credentials come from the environment: PVE_USER, and PVE_PASSWORD or PVE_TOKEN_NAME and PVE_TOKEN_VALUE;
the certificate to trust from PVE_CA_FILE, and a folder for files of its own from PVE_FOLDER.
"""

import json
import os
import sys
import time

from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException

authority, node, vmid_text, template = sys.argv[1:]
vmid = int(vmid_text)

if 'PVE_PASSWORD' in os.environ:
    credentials = {'password': os.environ['PVE_PASSWORD']}
else:
    credentials = {'token_name': os.environ['PVE_TOKEN_NAME'], 'token_value': os.environ['PVE_TOKEN_VALUE']}

api = ProxmoxAPI(authority, user=os.environ['PVE_USER'], verify_ssl=os.environ['PVE_CA_FILE'], **credentials)
seen = {'tasks': []}


def finish(upid):
    """Waits for a task; its type and exit status go into the report."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status = api.nodes(node).tasks(upid).status.get()
        if status['status'] == 'stopped':
            seen['tasks'].append([status['type'], status['exitstatus']])
            return api.nodes(node).tasks(upid).log.get(limit=0)
        time.sleep(0.05)
    raise SystemExit('task %s does not end' % upid)


def refusal(call):
    """What the server says against a call that it has to refuse; this proxmoxer shows the reason phrase alone."""
    try:
        call()
    except ResourceException as error:
        return [error.status_code, error.content]
    raise SystemExit('a call that had to be refused was not')


seen['version'] = api.version.get()['release']
volid = 'local:vztmpl/' + template
images = api.nodes(node).storage('local').content.get(content='vztmpl')
if volid not in [image['volid'] for image in images]:
    finish(api.nodes(node).aplinfo.post(storage='local', template=template))
seen['template'] = [
    image['volid'] for image in api.nodes(node).storage('local').content.get() if image['volid'] == volid
]

log = finish(
    api.nodes(node).lxc.create(
        vmid=vmid,
        ostemplate=volid,
        hostname='py01',
        unprivileged=1,
        cores=1,
        memory=512,
        swap=256,
        rootfs='local-lvm:2',
        net0='name=eth0,bridge=vmbr0,ip=dhcp',
        features='nesting=1',
        description='made with proxmoxer; ü=1 & more',
        tags='py,client',
        **{'ssh-public-keys': 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbZbqVKpnqDZ0Oe8ZN9DlmKrVeIsuqLP0hZcN8Hq7hy me@desk'},
    )
)
seen['createLog'] = [line['t'] for line in log][-1]

container = api.nodes(node).lxc(vmid)
finish(container.status.start.post())
seen['running'] = container.status.current.get()
seen['interfaces'] = [entry['name'] for entry in container.interfaces.get()]

container.config.put(memory=1024, swap=512, cores=2, cpulimit=1.5, hostname='py02')
seen['config'] = container.config.get()
seen['pending'] = [row for row in container.pending.get() if 'pending' in row or 'delete' in row]
seen['limits'] = container.status.current.get()
container.config.put(nameserver='192.0.2.53')
seen['waiting'] = [row for row in container.pending.get() if 'pending' in row or 'delete' in row]

finish(container.snapshot.post(snapname='before', description='first state'))
container.config.put(memory=2048)
finish(container.snapshot('before').rollback.post())
seen['rolledBack'] = [container.config.get()['memory'], container.status.current.get()['status']]
seen['snapshots'] = [entry['name'] for entry in container.snapshot.get()]
finish(container.snapshot('before').delete())

finish(container.status.start.post())
finish(container.resize.put(disk='rootfs', size='+1G'))
seen['rootfs'] = container.config.get()['rootfs']

archive = os.path.join(os.environ['PVE_FOLDER'], 'own_1.0_amd64.tar.gz')
with open(archive, 'wb') as file:
    file.write(bytes(range(256)) * 64)
with open(archive, 'rb') as file:
    finish(api.nodes(node).storage('local').upload.post(content='vztmpl', filename=file))
own = api.nodes(node).storage('local').content('local:vztmpl/own_1.0_amd64.tar.gz')
seen['uploaded'] = own.get()['size']
try:
    finish(own.delete())
    seen['deleted'] = True
except ResourceException as error:  # deleting takes more than uploading: the token of the test may not
    seen['deleted'] = [error.status_code, error.content]

seen['refusals'] = [
    refusal(lambda: container.config.put(memory='much')),
    refusal(lambda: container.delete()),
    refusal(lambda: api.nodes(node).lxc(99999).config.get()),
    refusal(lambda: api.nodes(node).get('nope')),
    refusal(lambda: container.config.put(digest='0' * 40, memory=512)),
]

finish(container.status.stop.post())
seen['stopped'] = container.status.current.get()['status']
finish(container.delete(purge=1))
seen['left'] = [guest['vmid'] for guest in api.cluster.resources.get(type='vm')]
seen['gone'] = refusal(lambda: container.config.get())
json.dump(seen, sys.stdout)
