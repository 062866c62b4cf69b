/** What runs in the machines of a lab that is a stock cluster: upstream's programs, with the lab's certificates. Pure. */
import { dnsAddresses, podCIDRs, serviceCIDRs, type LabConfig, type LabOptions } from '../../src/lab/index.ts';
import { nodePreparation } from './node-preparation.ts';

type ServicesOf = LabOptions['servicesOf'];
type Service = ReturnType<ServicesOf>[number];
type Machine = Parameters<ServicesOf>[0];

const control = '/var/lib/podwire/control-plane';
const agent = '/var/lib/podwire/agent';
const containerdSocket = '/run/containerd/containerd.sock';
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A service that waits for a file or socket of another one. */
function waiting(name: string, path: string, argv: readonly string[], files: Record<string, string> = {}): Service {
  const wait = `while [ ! -e ${path} ]; do sleep 0.05; done; exec "$@"`;
  return { name, argv: ['sh', '-c', wait, name, ...argv], files };
}

function apiServer(bin: string, { address }: Machine, config: LabConfig): readonly string[] {
  return [
    `${bin}/kube-apiserver`,
    `--advertise-address=${address}`,
    '--etcd-servers=http://127.0.0.1:2379',
    `--service-cluster-ip-range=${serviceCIDRs(config).join()}`,
    `--tls-cert-file=${control}/apiserver.crt`,
    `--tls-private-key-file=${control}/apiserver.key`,
    `--client-ca-file=${control}/ca.crt`,
    `--kubelet-client-certificate=${control}/apiserver-kubelet-client.crt`,
    `--kubelet-client-key=${control}/apiserver-kubelet-client.key`,
    '--kubelet-preferred-address-types=InternalIP',
    `--service-account-key-file=${control}/sa.pub`,
    `--service-account-signing-key-file=${control}/sa.key`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
  ];
}

function controllerManager(bin: string, config: LabConfig): readonly string[] {
  return [
    `${bin}/kube-controller-manager`,
    `--kubeconfig=${control}/controller-manager.kubeconfig`,
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${podCIDRs(config).join()}`,
    `--service-cluster-ip-range=${serviceCIDRs(config).join()}`,
    `--root-ca-file=${control}/ca.crt`,
    `--service-account-private-key-file=${control}/sa.key`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ];
}

function controlPlane(bin: string, machine: Machine, config: LabConfig): readonly Service[] {
  return [
    {
      name: 'etcd',
      argv: [
        `${bin}/etcd`,
        '--data-dir=/var/lib/etcd',
        '--listen-peer-urls=http://127.0.0.1:2380',
        '--unsafe-no-fsync',
      ],
    },
    { name: 'kube-apiserver', argv: apiServer(bin, machine, config) },
    { name: 'kube-controller-manager', argv: controllerManager(bin, config) },
    {
      name: 'kube-scheduler',
      argv: [
        `${bin}/kube-scheduler`,
        `--kubeconfig=${control}/scheduler.kubeconfig`,
        '--leader-elect=false',
        '--bind-address=127.0.0.1',
      ],
    },
  ];
}

/** Plugins and configurations where every distribution has them. */
const containerdConfig = `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = 'registry.k8s.io/pause:3.10.2'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['/opt/cni/bin']
  conf_dir = '/etc/cni/net.d'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = false
`;

const kubeletConfig = (config: LabConfig, cgroupRoot: string): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: `${agent}/ca.crt` },
  },
  authorization: { mode: 'Webhook' },
  tlsCertFile: `${agent}/kubelet.crt`,
  tlsPrivateKeyFile: `${agent}/kubelet.key`,
  containerRuntimeEndpoint: `unix://${containerdSocket}`,
  cgroupDriver: 'cgroupfs',
  cgroupRoot,
  failSwapOn: false,
  failCgroupV1: false,
  clusterDNS: dnsAddresses(config),
  clusterDomain: 'cluster.local',
  evictionHard: { 'nodefs.available': '0%', 'imagefs.available': '0%', 'nodefs.inodesFree': '0%' },
});

function node(bin: string, { name, address }: Machine, config: LabConfig): readonly Service[] {
  const cgroupRoot = `/${config.name}-${name}`;
  return [
    {
      name: 'containerd',
      argv: [
        'sh',
        '/var/lib/stock/prepare',
        'env',
        `PATH=${bin}:${systemPath}`,
        `${bin}/containerd`,
        '--config=/var/lib/stock/containerd.toml',
      ],
      files: {
        'stock/prepare': nodePreparation({ loopback: `${bin}/loopback`, cgroupRoot }),
        'stock/containerd.toml': containerdConfig,
      },
    },
    waiting(
      'kubelet',
      containerdSocket,
      [
        `${bin}/kubelet`,
        '--config=/var/lib/stock/kubelet.json',
        `--kubeconfig=${agent}/kubeconfig`,
        `--hostname-override=${name}`,
        `--node-ip=${address}`,
      ],
      { 'stock/kubelet.json': JSON.stringify(kubeletConfig(config, cgroupRoot)) },
    ),
  ];
}

/** `bin`: where upstream's programs lie. No kube-proxy, and no network: both are for the stories to bring. */
export function stockServices(bin: string): ServicesOf {
  return (machine, config) => {
    if (machine.role === 'control-plane') return controlPlane(bin, machine, config);
    return machine.role === 'node' ? node(bin, machine, config) : [{ name: 'idle', argv: ['sleep', 'infinity'] }];
  };
}
