// SPDX-License-Identifier: GPL-2.0
#include <linux/cdev.h>
#include <linux/clk.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/irqdomain.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_irq.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "helpers.h"

MODULE_AUTHOR("The axirq developers");
MODULE_VERSION(__stringify(AXIRQ_VERSION));

/* Locks and waiting */

static struct lock_class_key lock_keys[AXIRQ_LOCK_CLASSES];
static const char * const lock_names[AXIRQ_LOCK_CLASSES] = {
	[AXIRQ_LOCK_REGISTER_SHADOW] = "axirq:register_shadow",
	[AXIRQ_LOCK_LINE_STATE] = "axirq:line_state",
	[AXIRQ_LOCK_LINE_USERS] = "axirq:line_users",
	[AXIRQ_LOCK_NODES] = "axirq:nodes",
	[AXIRQ_LOCK_WINDOW] = "axirq:window",
	[AXIRQ_LOCK_MARK] = "axirq:mark",
	[AXIRQ_LOCK_CELLS] = "axirq:cells",
	[AXIRQ_LOCK_CLAIMS] = "axirq:claims",
	[AXIRQ_LOCK_MASTER] = "axirq:master",
};

void axirq_raw_spin_lock_init(raw_spinlock_t *lock, enum axirq_lock_class class)
{
	raw_spin_lock_init(lock);
	lockdep_set_class_and_name(lock, &lock_keys[class], lock_names[class]);
}

unsigned long axirq_raw_spin_lock_irqsave(raw_spinlock_t *lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	return flags;
}

void axirq_raw_spin_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags)
{
	raw_spin_unlock_irqrestore(lock, flags);
}

void axirq_mutex_init(struct mutex *lock, enum axirq_lock_class class)
{
	mutex_init(lock);
	lockdep_set_class_and_name(lock, &lock_keys[class], lock_names[class]);
}

void axirq_mutex_lock(struct mutex *lock)
{
	mutex_lock(lock);
}

void axirq_mutex_unlock(struct mutex *lock)
{
	mutex_unlock(lock);
}

void axirq_init_waitqueue_head(struct wait_queue_head *queue)
{
	init_waitqueue_head(queue);
}

void axirq_poll_wait(struct file *file, struct wait_queue_head *queue, poll_table *table)
{
	poll_wait(file, queue, table);
}

unsigned long axirq_wait_queue_lock(struct wait_queue_head *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	return flags;
}

void axirq_wait_queue_unlock(struct wait_queue_head *queue, unsigned long flags)
{
	spin_unlock_irqrestore(&queue->lock, flags);
}

void axirq_list_add(struct list_head *entry, struct list_head *after)
{
	list_add(entry, after);
}

void axirq_list_move(struct list_head *entry, struct list_head *after)
{
	list_move(entry, after);
}

void axirq_list_del(struct list_head *entry)
{
	list_del(entry);
}

void axirq_init_work(struct work_struct *work, work_func_t function)
{
	INIT_WORK(work, function);
}

bool axirq_queue_work(struct work_struct *work)
{
	return queue_work(system_highpri_wq, work);
}

void axirq_usleep(unsigned long microseconds)
{
	usleep_range(microseconds, 2 * microseconds);
}

void axirq_cond_resched(void)
{
	cond_resched();
}

/* Registers */

void __iomem *axirq_ioremap(u64 start, u64 size)
{
	return ioremap(start, size);
}

void axirq_iounmap(void __iomem *base)
{
	iounmap(base);
}

u32 axirq_readl(const void __iomem *address)
{
	return readl(address);
}

void axirq_writel(u32 value, void __iomem *address)
{
	writel(value, address);
}

int axirq_request_mem_region(u64 start, u64 size, const char *name)
{
	if (request_mem_region(start, size, name))
		return 0;
	/* The kernel does not tell why. */
	if (region_intersects(start, size, IORESOURCE_MEM | IORESOURCE_BUSY,
			      IORES_DESC_NONE) == REGION_DISJOINT)
		return -ENOMEM;
	return -EBUSY;
}

void axirq_release_mem_region(u64 start, u64 size)
{
	release_mem_region(start, size);
}

/* Interrupts */

/*
 * Both domains of a controller have its node; only the kernel's is found by it.
 */
struct irq_domain *axirq_irq_domain_create(struct fwnode_handle *fwnode, unsigned int size,
					   const struct irq_domain_ops *ops,
					   struct axirq_sides *sides, bool users)
{
	struct irq_domain_info info = {
		.fwnode = fwnode,
		.size = size,
		.hwirq_max = size,
		.bus_token = users ? DOMAIN_BUS_NEXUS : DOMAIN_BUS_WIRED,
		.ops = ops,
		.host_data = sides,
	};

	return irq_domain_instantiate(&info);
}

void *axirq_irq_domain_data(struct irq_domain *domain)
{
	return domain->host_data;
}

unsigned int axirq_irq_create_mapping(struct irq_domain *domain, unsigned long hwirq)
{
	return irq_create_mapping(domain, hwirq);
}

unsigned int axirq_irq_find_mapping(struct irq_domain *domain, unsigned long hwirq)
{
	return irq_find_mapping(domain, hwirq);
}

/* Every domain of ours has this as its unmap. */
void axirq_irq_unmap(struct irq_domain *domain, unsigned int irq)
{
	irq_set_chip_and_handler(irq, NULL, NULL);
	irq_set_chip_data(irq, NULL);
}

static struct irq_domain *our_domain(struct irq_data *data)
{
	struct irq_domain *domain = data ? data->domain : NULL;

	return domain && domain->ops->unmap == axirq_irq_unmap ? domain : NULL;
}

/* The number under which user space claims what the kernel knows as @irq; 0 if it has none. */
unsigned int axirq_irq_of_users(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);
	struct irq_domain *domain = our_domain(data);
	struct axirq_sides *sides;

	if (!domain)
		return irq;
	sides = domain->host_data;
	return irq_create_mapping(sides->users, irqd_to_hwirq(data));
}

/* Whether anybody holds the interrupt, on either side. */
bool axirq_irq_is_held(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);
	struct irq_domain *domain = our_domain(data);
	struct axirq_sides *sides;
	unsigned int other;

	if (irq_has_action(irq))
		return true;
	if (!domain)
		return false;
	sides = domain->host_data;
	other = irq_find_mapping(domain == sides->users ? sides->kernel : sides->users,
				 irqd_to_hwirq(data));
	return other && irq_has_action(other);
}

bool axirq_irq_has_action(unsigned int irq)
{
	return irq_has_action(irq);
}

/*
 * A driver that took a chained handler away leaves the interrupt such that
 * nobody can request it again.
 */
void axirq_irq_renew(unsigned int irq, irq_flow_handler_t handler)
{
	if (irq_has_action(irq) || !irq_check_status_bit(irq, IRQ_NOREQUEST))
		return;
	irq_set_handler(irq, handler);
	irq_clear_status_flags(irq, IRQ_NOREQUEST | IRQ_NOPROBE | IRQ_NOTHREAD);
}

/* Whether the core takes the interrupt for one that can come. */
bool axirq_irq_is_live(struct irq_data *data)
{
	return !irqd_irq_disabled(data) && !irqd_irq_masked(data);
}

/*
 * Its holder outlives its controller: from now on the interrupt is one that
 * never comes, and that anybody may disable and free.
 */
void axirq_irq_orphan(unsigned int irq)
{
	irq_set_chip(irq, &dummy_irq_chip);
	irq_set_chip_data(irq, NULL);
}

/* A domain whose orphans are still held stays, without a trace of this module. */
void axirq_irq_domain_abandon(struct irq_domain *domain)
{
	struct fwnode_handle *fwnode = domain->fwnode;

	domain->ops = &irq_domain_simple_ops;
	domain->host_data = NULL;
	domain->fwnode = NULL;
	fwnode_handle_put(fwnode);
}

static struct lock_class_key irq_lock_key, irq_request_key;

/* A class of their own: a controller's lines are handled inside its parent's. */
void axirq_irq_describe(unsigned int irq, unsigned int trigger)
{
	irq_set_lockdep_class(irq, &irq_lock_key, &irq_request_key);
	irqd_set_trigger_type(irq_get_irq_data(irq), trigger);
	/* A level is never sent again by software, and shows as such in /proc/interrupts. */
	irq_modify_status(irq, IRQ_LEVEL,
			  IRQ_NOPROBE | (trigger & IRQ_TYPE_LEVEL_MASK ? IRQ_LEVEL : 0));
}

void axirq_irq_disable_unlazy(unsigned int irq)
{
	irq_set_status_flags(irq, IRQ_DISABLE_UNLAZY);
}

/*
 * What the core has noted of an edge that came too late for an earlier holder
 * is sent again when the interrupt is next enabled, unless it is a level then.
 */
void axirq_irq_forget_pending(unsigned int irq)
{
	if (irq_check_status_bit(irq, IRQ_LEVEL))
		return;
	irq_set_status_flags(irq, IRQ_LEVEL);
	enable_irq(irq);
	disable_irq(irq);
	irq_clear_status_flags(irq, IRQ_LEVEL);
}

/* Whether masking may sleep: on a chip behind a slow bus. */
bool axirq_irq_sleeps(unsigned int irq)
{
	struct irq_chip *chip = irq_get_chip(irq);

	return chip && chip->irq_bus_lock;
}

unsigned int axirq_irq_trigger(unsigned int irq)
{
	return irq_get_trigger_type(irq);
}

u32 axirq_irq_hwirq(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);

	return data ? irqd_to_hwirq(data) : 0;
}

struct fwnode_handle *axirq_irq_fwnode(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);

	return data && data->domain ? data->domain->fwnode : NULL;
}

const char *axirq_irq_chip_name(unsigned int irq)
{
	struct irq_chip *chip = irq_get_chip(irq);
	struct device_node *node;

	if (chip && chip->name)
		return chip->name;
	/* The GIC's has none. */
	node = to_of_node(axirq_irq_fwnode(irq));
	return node ? kbasename(node->full_name) : NULL;
}

/* Platform drivers and device trees */

static const struct of_device_id intc_ids[] = {
	{ .compatible = "xlnx,xps-intc-1.00.a" },
	{ }
};
MODULE_DEVICE_TABLE(of, intc_ids);

#define OF_ID_MAX 16

#define IP_CORE { .compatible = "axirq,ip-core" }

/* The driver's own compatible, then what of_id= names; the last stays empty. */
static struct of_device_id device_ids[1 + OF_ID_MAX + 1] = { IP_CORE };

/*
 * What the module is loaded for. Not the table above: each of its empty entries would be an
 * alias that every device matches.
 */
static const struct of_device_id alias_ids[] = { IP_CORE, { } };
MODULE_DEVICE_TABLE(of, alias_ids);

/* Runs before the module's init: no driver looks at the table yet. */
static int of_id_set(const char *value, const struct kernel_param *param)
{
	struct of_device_id *id = &device_ids[1];

	while (*value && *value != '\n') {
		size_t length = strcspn(value, ":\n");

		if (!length || length >= sizeof(id->compatible)) {
			pr_err("axirq: of_id: a compatible has 1 to %zu characters\n",
			       sizeof(id->compatible) - 1);
			return -EINVAL;
		}
		if (id == &device_ids[1 + OF_ID_MAX]) {
			pr_err("axirq: of_id: more than %d compatibles\n", OF_ID_MAX);
			return -E2BIG;
		}
		memset(id, 0, sizeof(*id));
		memcpy(id->compatible, value, length);
		id++;
		value += length;
		if (*value == ':')
			value++;
	}
	memset(id, 0, sizeof(*id));
	return 0;
}

static int of_id_get(char *buffer, const struct kernel_param *param)
{
	const struct of_device_id *id;
	int at = 0;

	for (id = &device_ids[1]; id->compatible[0]; id++)
		at += sysfs_emit_at(buffer, at, "%s%s", at ? ":" : "", id->compatible);
	return at + sysfs_emit_at(buffer, at, "\n");
}

static const struct kernel_param_ops of_id_ops = { .set = of_id_set, .get = of_id_get };
module_param_cb(of_id, &of_id_ops, NULL, 0444);
__MODULE_PARM_TYPE(of_id, "string");
MODULE_PARM_DESC(of_id, "compatibles of IP cores to bind besides axirq,ip-core, separated by ':'");

const struct of_device_id *axirq_intc_ids(void)
{
	return intc_ids;
}

const struct of_device_id *axirq_device_ids(void)
{
	return device_ids;
}

int axirq_platform_driver_register(struct platform_driver *driver)
{
	return platform_driver_register(driver);
}

void axirq_platform_driver_set_remove(struct platform_driver *driver,
				      void (*remove)(struct platform_device *))
{
	driver->remove = remove;
}

void *axirq_platform_get_drvdata(struct platform_device *device)
{
	return platform_get_drvdata(device);
}

void axirq_platform_set_drvdata(struct platform_device *device, void *data)
{
	platform_set_drvdata(device, data);
}

/*
 * Unbinds @device before the providers of its clocks, which the clock framework does not survive
 * otherwise. Those of the boot tree that have no driver never go; those on other buses (I2C) are
 * left to fw_devlink.
 */
static int link_clock_providers(struct device *device)
{
	struct platform_device *provider;
	struct of_phandle_args clock;
	bool linked = true;
	int index;

	for (index = 0; linked && !of_parse_phandle_with_args(dev_of_node(device), "clocks",
							      "#clock-cells", index, &clock);
	     index++) {
		provider = of_find_device_by_node(clock.np);
		of_node_put(clock.np);
		if (!provider)
			continue;
		if (device_is_bound(&provider->dev))
			linked = device_link_add(device, &provider->dev,
						 DL_FLAG_AUTOREMOVE_CONSUMER);
		put_device(&provider->dev);
	}
	return linked ? 0 : -ENOMEM;
}

/* Returns how many clocks the device has, all of them running now, or an errno. */
int axirq_clocks_enable(struct device *device, struct clk_bulk_data **clocks)
{
	int count = clk_bulk_get_all(device, clocks);
	int error;

	if (count <= 0)
		return count;
	error = link_clock_providers(device);
	if (!error)
		error = clk_bulk_prepare_enable(count, *clocks);
	if (!error)
		return count;
	clk_bulk_put_all(count, *clocks);
	return error;
}

void axirq_clocks_disable(int count, struct clk_bulk_data *clocks)
{
	clk_bulk_disable_unprepare(count, clocks);
	clk_bulk_put_all(count, clocks);
}

struct device *axirq_platform_device(struct platform_device *device)
{
	return &device->dev;
}

struct device_node *axirq_device_node(struct device *device)
{
	return dev_of_node(device);
}

struct fwnode_handle *axirq_node_fwnode(struct device_node *node)
{
	return of_fwnode_handle(node);
}

const char *axirq_device_name(struct device *device)
{
	return dev_name(device);
}

/* Only to compare: another device's driver may go at any time. */
struct device_driver *axirq_device_driver(struct device *device)
{
	return READ_ONCE(device->driver);
}

/*
 * As the kernel itself links devices of the tree: when the supplier comes back,
 * the consumer is probed again.
 */
void axirq_device_link(struct device *consumer, struct device *supplier)
{
	device_link_add(consumer, supplier, DL_FLAG_AUTOPROBE_CONSUMER);
}

void *axirq_device_drvdata(struct device *device)
{
	return dev_get_drvdata(device);
}

/* of_irq_count() is not for modules on older kernels. */
u32 axirq_of_irq_count(struct device_node *node)
{
	struct of_phandle_args irq;
	u32 count = 0;

	while (!of_irq_parse_one(node, count, &irq)) {
		of_node_put(irq.np);
		count++;
	}
	return count;
}

/*
 * The platform device that controls the @index-th interrupt of @node, counted;
 * NULL if that is none. An errno after the last interrupt.
 */
int axirq_of_interrupt_device(struct device_node *node, int index, struct device **device)
{
	struct platform_device *found;
	struct of_phandle_args irq;
	int error = of_irq_parse_one(node, index, &irq);

	if (error)
		return error;
	found = of_find_device_by_node(irq.np);
	of_node_put(irq.np);
	*device = found ? &found->dev : NULL;
	return 0;
}

/* The next child of @node, counted, unless that is a bus. */
struct device_node *axirq_of_next_part(struct device_node *node, struct device_node *part)
{
	if (!node || of_property_present(node, "ranges"))
		return NULL;
	return of_get_next_available_child(node, part);
}

int axirq_of_node_window(struct device_node *node, int index, u64 *start, u64 *size)
{
	struct resource resource;
	int error = of_address_to_resource(node, index, &resource);

	if (error)
		return error;
	*start = resource.start;
	*size = resource_size(&resource);
	return 0;
}

int axirq_of_node_path(struct device_node *node, char *path, size_t size)
{
	return snprintf(path, size, "%pOF", node);
}

int axirq_of_node_name(struct device_node *node, char *name, size_t size)
{
	return snprintf(name, size, "%pOFP", node);
}

/* The @index-th property of @node; -ENOENT after the last. */
int axirq_of_node_property(struct device_node *node, unsigned int index, const char **name,
			   const char **value, int *length)
{
	struct property *property;

	for_each_property_of_node(node, property) {
		if (index--)
			continue;
		*name = property->name;
		*value = property->value;
		*length = property->length;
		return 0;
	}
	return -ENOENT;
}

void axirq_of_node_put(struct device_node *node)
{
	of_node_put(node);
}

/* Character devices */

void axirq_cdev_init(struct cdev *cdev, const struct file_operations *ops)
{
	cdev_init(cdev, ops);
	cdev->owner = THIS_MODULE;
}

struct cdev *axirq_inode_cdev(struct inode *inode)
{
	return inode->i_cdev;
}

unsigned int axirq_inode_minor(struct inode *inode)
{
	return iminor(inode);
}

dev_t axirq_mkdev(unsigned int major, unsigned int minor)
{
	return MKDEV(major, minor);
}

unsigned int axirq_major(dev_t dev)
{
	return MAJOR(dev);
}

/* A function even where the kernel runs no 32-bit programs and has none. */
long axirq_compat_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
#ifdef CONFIG_COMPAT
	return compat_ptr_ioctl(file, command, argument);
#else
	return -ENOIOCTLCMD;
#endif
}

/* It has no position, and a read of it can be told not to block, whatever its O_NONBLOCK. */
void axirq_file_is_stream(struct inode *inode, struct file *file)
{
	stream_open(inode, file);
	file->f_mode |= FMODE_NOWAIT;
}

bool axirq_kiocb_is_nonblocking(const struct kiocb *request)
{
	return (request->ki_flags & IOCB_NOWAIT) || (request->ki_filp->f_flags & O_NONBLOCK);
}

size_t axirq_iov_iter_count(const struct iov_iter *iter)
{
	return iov_iter_count(iter);
}

size_t axirq_copy_to_iter(const void *from, size_t n, struct iov_iter *to)
{
	return copy_to_iter(from, n, to);
}

/* /dev/axirq/<cell>/<pin>: sysfs has '!' where the path has '/'. */
static char *devnode(const struct device *dev, umode_t *mode)
{
	char *path = kasprintf(GFP_KERNEL, "axirq/%s", dev_name(dev));

	return path ? strreplace(path, '!', '/') : NULL;
}

static int dev_uevent(const struct device *dev, struct kobj_uevent_env *env)
{
	return axirq_show_uevent(dev_get_drvdata(dev), env);
}

int axirq_add_uevent_var(struct kobj_uevent_env *env, const char *key, size_t key_length,
			 const char *value, size_t value_length)
{
	return add_uevent_var(env, "AXIRQ_%.*s=%.*s", (int)key_length, key, (int)value_length, value);
}

struct class *axirq_class_create(void)
{
	struct class *class = class_create("axirq");

	if (!IS_ERR(class)) {
		class->devnode = devnode;
		class->dev_uevent = dev_uevent;
	}
	return class;
}

#define AXIRQ_ATTR(_name, _which)							\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr, char *buffer) \
{											\
	return axirq_show_attribute(dev_get_drvdata(dev), _which, buffer);		\
}											\
static struct device_attribute dev_attr_##_name

#define PIN_ATTR(_name, _which)								\
	AXIRQ_ATTR(pin_##_name, _which) = __ATTR(_name, 0444, pin_##_name##_show, NULL)
#define WINDOW_ATTR(_name, _which)							\
	AXIRQ_ATTR(window_##_name, _which) = __ATTR(_name, 0444, window_##_name##_show, NULL)

PIN_ATTR(name, AXIRQ_ATTR_NAME);
PIN_ATTR(kind, AXIRQ_ATTR_KIND);
PIN_ATTR(cell, AXIRQ_ATTR_CELL);
PIN_ATTR(pin, AXIRQ_ATTR_PIN);
PIN_ATTR(controller, AXIRQ_ATTR_CONTROLLER);
PIN_ATTR(hwirq, AXIRQ_ATTR_HWIRQ);
PIN_ATTR(irq, AXIRQ_ATTR_IRQ);
PIN_ATTR(trigger, AXIRQ_ATTR_TRIGGER);
PIN_ATTR(count, AXIRQ_ATTR_COUNT);
PIN_ATTR(state, AXIRQ_ATTR_STATE);

static struct attribute *pin_attrs[] = {
	&dev_attr_pin_name.attr,
	&dev_attr_pin_kind.attr,
	&dev_attr_pin_cell.attr,
	&dev_attr_pin_pin.attr,
	&dev_attr_pin_controller.attr,
	&dev_attr_pin_hwirq.attr,
	&dev_attr_pin_irq.attr,
	&dev_attr_pin_trigger.attr,
	&dev_attr_pin_count.attr,
	&dev_attr_pin_state.attr,
	NULL
};
ATTRIBUTE_GROUPS(pin);

WINDOW_ATTR(name, AXIRQ_ATTR_NAME);
WINDOW_ATTR(kind, AXIRQ_ATTR_KIND);
WINDOW_ATTR(cell, AXIRQ_ATTR_CELL);
WINDOW_ATTR(window, AXIRQ_ATTR_WINDOW);
WINDOW_ATTR(address, AXIRQ_ATTR_ADDRESS);
WINDOW_ATTR(size, AXIRQ_ATTR_SIZE);

static struct attribute *window_attrs[] = {
	&dev_attr_window_name.attr,
	&dev_attr_window_kind.attr,
	&dev_attr_window_cell.attr,
	&dev_attr_window_window.attr,
	&dev_attr_window_address.attr,
	&dev_attr_window_size.attr,
	NULL
};
ATTRIBUTE_GROUPS(window);

struct device *axirq_pin_device_create(struct class *class, struct device *parent, dev_t dev,
				       void *data, const char *name)
{
	return device_create_with_groups(class, parent, dev, data, pin_groups, "%s", name);
}

struct device *axirq_window_device_create(struct class *class, struct device *parent, dev_t dev,
					  void *data, const char *name)
{
	return device_create_with_groups(class, parent, dev, data, window_groups, "%s", name);
}

bool axirq_copy_to_user(void __user *to, const void *from, size_t n)
{
	return !copy_to_user(to, from, n);
}

bool axirq_copy_from_user(void *to, const void __user *from, size_t n)
{
	return !copy_from_user(to, from, n);
}

bool axirq_platform_has_memory(struct platform_device *pdev)
{
	return platform_get_resource(pdev, IORESOURCE_MEM, 0);
}

/* Mappings */

unsigned long axirq_page_size(void)
{
	return PAGE_SIZE;
}

/* Zeroed, and allowed to be mapped by user space. */
void *axirq_vmalloc_user_page(void)
{
	return vmalloc_user(PAGE_SIZE);
}

unsigned long axirq_vma_page_count(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}

/* VM_SHARED goes with the right to write, which a read-only file's mapping has not. */
bool axirq_vma_is_shared(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYSHARE;
}

bool axirq_vma_is_writable(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_WRITE;
}

void axirq_vma_make_io(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
}

void axirq_vma_forbid_write(struct vm_area_struct *vma)
{
	vm_flags_clear(vma, VM_MAYWRITE);
}

void axirq_unmap_pages(struct file *file, unsigned long first, unsigned long count)
{
	unmap_mapping_pages(file->f_mapping, first, count, true);
}

bool axirq_file_is_writable(const struct file *file)
{
	return file->f_mode & FMODE_WRITE;
}

void axirq_unmap_file(struct file *file)
{
	unmap_mapping_range(file->f_mapping, 0, 0, 1);
}

struct file *axirq_fault_file(struct vm_fault *fault)
{
	return fault->vma->vm_file;
}

/* The page of the file that is missing. */
unsigned long axirq_fault_page(const struct vm_fault *fault)
{
	return fault->pgoff;
}

vm_fault_t axirq_fault_insert(struct vm_fault *fault, unsigned long pfn)
{
	return vmf_insert_pfn(fault->vma, fault->address, pfn);
}

unsigned long axirq_pfn(u64 address)
{
	return PHYS_PFN(address);
}

vm_fault_t axirq_fault_sigbus(void)
{
	return VM_FAULT_SIGBUS;
}

/* Memory for bus masters */

int axirq_dma_set_mask(struct device *dev, unsigned int bits)
{
	return dma_set_mask_and_coherent(dev, DMA_BIT_MASK(bits));
}

/* More than there is in one piece is the caller's to report. */
void *axirq_dma_alloc(struct device *dev, size_t size, u64 *address)
{
	dma_addr_t found = 0;
	void *cpu = dma_alloc_coherent(dev, size, &found, GFP_KERNEL | __GFP_NOWARN);

	*address = found;
	return cpu;
}

void axirq_dma_free(struct device *dev, size_t size, void *cpu, u64 address)
{
	dma_free_coherent(dev, size, cpu, address);
}

int axirq_dma_pages(struct device *dev, struct sg_table *pages, void *cpu, u64 address,
		    size_t size)
{
	return dma_get_sgtable(dev, pages, cpu, address, size);
}

void axirq_dma_pages_put(struct sg_table *pages)
{
	sg_free_table(pages);
}

/* The frame of a page, which is in the table. */
unsigned long axirq_dma_pfn(const struct sg_table *pages, unsigned long page)
{
	struct scatterlist *piece;
	unsigned int i;

	for_each_sgtable_sg(pages, piece, i) {
		unsigned long count = PAGE_ALIGN(piece->offset + piece->length) >> PAGE_SHIFT;

		if (page < count)
			return page_to_pfn(sg_page(piece)) + page;
		page -= count;
	}
	return 0;
}

/* As dma_mmap_coherent() would, which maps at once: these mappings can be taken away. */
void axirq_vma_make_dma(struct vm_area_struct *vma, struct device *dev)
{
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	if (!dev_is_dma_coherent(dev))
		vma->vm_page_prot = pgprot_dmacoherent(vma->vm_page_prot);
}
